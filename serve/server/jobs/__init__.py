"""Jobs: folders labelled in the background, and the review of what came out."""
