"""The commands of `freak`, a file for each group, and no command uses another."""
