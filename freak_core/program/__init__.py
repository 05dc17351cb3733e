"""The program under control: state, waiting requests, reports. Knows the server only as a process."""
