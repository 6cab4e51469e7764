"""What a provider answers, in the words of the caller's dialect: each file has `whole(answer, asked)` and `Stream`."""
