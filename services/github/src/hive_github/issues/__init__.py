"""Issues to missions: what people ask for there, carried out, and shown how it goes."""
