"""The only parsing of the API: structs for watches, models per CRD kind, CRD generation."""
