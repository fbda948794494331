"""From a recipe to its graph of stages: the setting, one file a design, and the arms that are compared."""
