"""What leaves as a file: answers for export, written in the formats of the field. Pure: answers in, bytes out."""
