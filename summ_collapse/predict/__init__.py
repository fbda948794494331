"""What can be said of a selection before anything is trained on it: p, phi, psi, the predictor, the verdict."""
