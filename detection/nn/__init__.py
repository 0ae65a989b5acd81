"""Pure torch: the network, its training and its detection."""
