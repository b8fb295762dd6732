"""The serving image's process: a registered model behind HTTP, in the formats of Vertex AI's endpoints."""
