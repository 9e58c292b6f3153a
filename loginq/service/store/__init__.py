"""Rows and queues: how what the rules speak of is kept in DynamoDB, SQS and Secrets Manager."""
