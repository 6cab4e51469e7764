"""Azure OpenAI: the simulated OpenAI's answers at Azure's addresses, with what its content filter says of them."""
