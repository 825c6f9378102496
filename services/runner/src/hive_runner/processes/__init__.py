"""Commands: started, bounded, watched and ended as a whole."""
