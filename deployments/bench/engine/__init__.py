"""The procedure in miniature on another engine: these modules run in that engine's own environment, without Prefect."""
