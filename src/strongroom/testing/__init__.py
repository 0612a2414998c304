"""Public test kit: conformance suites, fakes that pass them, image recipes, the scenario runner."""
