"""Jobs of a scheduler that hold workers: submitted, watched, judged and ended."""
