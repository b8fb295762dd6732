"""What would the forecast be if things were otherwise: scenarios of a trained model, and a service for them."""
