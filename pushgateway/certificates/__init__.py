"""Certificates, the plug-ins of their brands, and the key with which receipts are recognised."""
