"""The sections of the page, one module each: whatever stands here is found, in the order that it gives."""
