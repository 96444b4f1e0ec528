"""The Llama with SNAC family: Maya1 with descriptions, Orpheus with named voices."""
