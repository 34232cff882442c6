"""What each kind of job does, one file each; a step whose artifact exists is not done again, so that a retry is a resume."""
