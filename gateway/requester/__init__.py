"""The trusted entity's side: ask for a record, follow the answer, open what was granted."""
