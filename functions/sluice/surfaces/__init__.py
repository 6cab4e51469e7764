"""The dialects we serve: HTTP in, HTTP out, one file per dialect."""
