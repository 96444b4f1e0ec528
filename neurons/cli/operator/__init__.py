"""Commands of an operator: quarantine, requeue, ban and what they show."""
