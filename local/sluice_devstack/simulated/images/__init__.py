"""Image generation: `POST /v1/images/generations`, and the pictures it makes."""
