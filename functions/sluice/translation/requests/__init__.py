"""What a caller asks, in the words of a provider's dialect: each file has `request(body, model)`."""
