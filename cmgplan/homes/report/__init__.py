"""What runs of homes share: folder, record, page sections, comparison."""
