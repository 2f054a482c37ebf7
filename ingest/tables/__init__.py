"""Tables become layers of points: text files (CSV and its kin) and workbooks (XLSX, XLS, ODS)."""
