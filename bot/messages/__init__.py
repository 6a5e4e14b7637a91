"""Every sentence that the bot says to people on a forge: Markdown, from values.

Text that others wrote (subjects, values, reasons) is data: see `bot.markdown`.
"""
