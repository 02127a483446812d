"""Jarvis: from a hockey video in a drive to tracks, events, highlights and a report."""
