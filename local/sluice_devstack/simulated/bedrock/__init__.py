"""What the simulated Bedrock runtime says, to whom, in which bytes: Converse, InvokeModel, event streams, faults."""
