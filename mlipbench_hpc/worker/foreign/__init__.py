"""Files of other programs: each is read completely and correctly, or refused in a sentence."""
