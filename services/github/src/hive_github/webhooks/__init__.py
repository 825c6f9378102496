"""What GitHub tells by itself: taken, stored, worked later; and asked for, where it got lost."""
