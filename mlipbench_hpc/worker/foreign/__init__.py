"""Files that other programs wrote: a file is read rightly, or refused in a sentence."""
