"""Wake-ups: enough jobs in Redis for due rows and live workers."""
