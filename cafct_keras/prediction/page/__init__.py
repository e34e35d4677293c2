"""Pages and pictures for looking at segmented scans.

`write_case_page` writes a page of a case as soon as it is segmented, and `write_cases_page` puts such pages together to
`cases.html`, whichever process wrote them. `write_preview` draws one picture of a case.
"""

from cafct_keras.prediction.page.cases import write_case_page, write_cases_page
from cafct_keras.prediction.page.preview import write_preview
from cafct_keras.prediction.page.view import ScanView

__all__ = ["ScanView", "write_case_page", "write_cases_page", "write_preview"]
