"""The border to the API: parsing, rendering, CRDs."""
