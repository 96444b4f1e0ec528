"""The process inside the sandbox: it confines itself, proves it, then makes sound and nothing else."""
