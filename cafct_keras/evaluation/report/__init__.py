"""The page `report.html`: one file that shows what `evaluation.json` holds, without network access or scripts.

Charts are SVG from a template of this package, not from matplotlib. Both were drawn for a page of 120 cases and 11
charts and compared in a browser: matplotlib's page is twice as large (259 kB, not 134 kB), takes 1.2 s more, loses the
890 tooltips that name the case of a mark and the style sheet's colours for dark mode and print unless its SVG is
rewritten afterwards, and its labels are placed by the metrics of another font than the browser's.
"""
