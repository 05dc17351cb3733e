"""What a program, its server and its clients say to each other. Knows neither end."""
