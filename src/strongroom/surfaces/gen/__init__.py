"""Files generated from the ops and from data: documentation, schemas, the roadmap."""
