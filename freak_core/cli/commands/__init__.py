"""The commands of ``freak``, one file for each group. No command uses another group."""
