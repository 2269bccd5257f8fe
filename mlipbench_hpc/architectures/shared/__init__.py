"""What adapters have in common. It runs inside images: numpy and ASE only, neither torch nor TensorFlow."""
