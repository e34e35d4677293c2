"""Common parts of HTML pages: templates and their style sheet, formatting of values, pictures and outlines of masks."""
