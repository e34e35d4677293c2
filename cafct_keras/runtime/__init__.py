"""Runtime environment: backend, devices, versions, compilation cache, memory pages, console, progress."""
