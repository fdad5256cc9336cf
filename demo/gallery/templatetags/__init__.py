"""Of the demo's templates."""
