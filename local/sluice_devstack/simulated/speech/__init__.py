"""Speech: `POST /v1/audio/speech`, and the sounds it makes."""
