"""The known pathologies of residual training: gradients, curvature and residuals over training."""
