"""What comes in: classes, tags, images and masks, and the batches made of them."""
