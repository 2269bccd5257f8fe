"""What several studies unfold alike."""
