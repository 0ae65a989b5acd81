"""What people see and say: studies, slides, patches, labels."""
