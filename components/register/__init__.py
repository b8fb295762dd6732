"""Export a model, check the export, and register it as a candidate or champion."""
