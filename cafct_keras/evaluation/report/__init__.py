"""The page `report.html`: one file that shows what `evaluation.json` holds, without network access or scripts."""
