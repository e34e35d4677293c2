"""CT scans and masks in NIfTI files: LiTS17, the Decathlon's Task03_Liver, or one folder per scan."""
