"""What the machine learns and finds: training, models, detection, counts."""
