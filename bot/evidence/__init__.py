"""What gates judge and no forge tells: read from trees, histories, calendars and services."""
